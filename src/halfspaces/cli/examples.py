"""Examples of each command, with which its help ends."""

EXAMPLES = {
    "train": (
        "halfspaces train digits --out digits.safetensors",
        "halfspaces train photos/ --budget 5min --out photos --report photos.html",
        "halfspaces train table.csv --label species --loss hinge --strength 0.01",
        "halfspaces train --run digits.run.toml --seed 1 --out again",
    ),
    "evaluate": (
        "halfspaces evaluate digits.safetensors digits",
        "halfspaces evaluate photos new_photos/ --json",
    ),
    "compare": (
        "halfspaces compare a.safetensors b.safetensors --data digits",
        "halfspaces compare --losses hinge,squared_hinge --data digits",
    ),
    "info": ("halfspaces info digits.safetensors",),
    "predict": (
        "halfspaces predict digits.safetensors digits --top 2 --out top.csv",
        "halfspaces predict photos a.jpg b.jpg",
        "halfspaces predict photos new_photos/ --coverage 0.95 --out sets.csv",
    ),
    "probe": (
        "halfspaces probe embeddings.npz --protocol dinov2",
        "halfspaces probe train.npz --test far=far.npz --protocol fewshot --shots 1,4",
    ),
    "plot": (
        "halfspaces plot templates digits.safetensors",
        "halfspaces plot confusion-matrix digits --data digits --out confusions.png",
    ),
    "report": (
        "halfspaces report digits.safetensors",
        "halfspaces report digits --language ko --out digits.ko.html",
    ),
    "export": (
        "halfspaces export digits.safetensors --to onnx",
        "halfspaces export digits --to numpy --out digits.py",
    ),
    "gradcheck": (
        "halfspaces gradcheck my_module.py:my_loss",
        "halfspaces gradcheck my_module.py:my_loss --plot-steps steps.svg",
        "halfspaces gradcheck --show",
    ),
    "convert": (
        "halfspaces convert sklearn.LogisticRegression C=1 --n-examples 50000 --n-classes 10",
        "halfspaces convert liblinear --strength 0.001 --loss ova_hinge --n-examples 1000",
    ),
    "play": (
        "halfspaces play",
        "halfspaces play --port 8000 --data digits --no-browser",
    ),
    "data": ("halfspaces data list", "halfspaces train fashion-mnist"),
    "data list": ("halfspaces data list",),
    "data formats": ("halfspaces data formats",),
    "data get": ("halfspaces data get fashion-mnist",),
    "data info": ("halfspaces data info fashion-mnist",),
    "data cache": ("halfspaces data cache", "halfspaces data cache --keep 5GB"),
    "data suspects": (
        "halfspaces data suspects photos/ --out suspects.csv",
        "halfspaces data suspects digits --level 0.05 --budget 0",
    ),
    "features": ("halfspaces features list", "halfspaces train photos/ --features hog+hue"),
    "features list": ("halfspaces features list",),
    "features show": (
        "halfspaces features show cat.jpg --out cat.svg",
        "halfspaces features show cat.jpg --features 'hog(cell=4)' --out cat.png",
    ),
    "course": (
        "halfspaces course new exercises",
        "halfspaces course check exercises",
    ),
    "course new": (
        "halfspaces course new exercises",
        "halfspaces course new exercises --language ko --notebooks",
    ),
    "course solutions": ("halfspaces course solutions solutions",),
    "course check": (
        "halfspaces course check exercises/svm_loss.py",
        "halfspaces course check exercises --json",
    ),
    "course grade": ("halfspaces course grade handins --csv marks.csv --seed 7",),
    "about": ("halfspaces about", "halfspaces about --json"),
    "compile": ("halfspaces compile",),
}


def epilog(command: str) -> str:
    """What the help of a command ends with: its examples, one a line.

    >>> epilog("info").splitlines()[0]
    'Examples:'
    """
    return "\n\n".join(["Examples:", *(f"  {line}" for line in EXAMPLES[command])])
