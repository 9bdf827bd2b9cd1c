"""Files, archives and addresses, and the folder for what is decoded."""
