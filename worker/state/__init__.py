"""The state folder: its lock, its files and folders, and how they are removed. `log_folders/`: the folders of attempts."""
