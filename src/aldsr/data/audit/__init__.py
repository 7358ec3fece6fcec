"""What can be wrong with folders of images."""
