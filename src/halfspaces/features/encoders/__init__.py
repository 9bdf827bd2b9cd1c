"""Networks for `halfspaces.features.Encoder`: the published ones, their weights, their sessions."""
