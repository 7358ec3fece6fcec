"""What every layer may use: files, errors, arguments, memory, devices. Nothing here imports another layer."""
