"""What the desk stores on disk. The only package that contains SQL."""
