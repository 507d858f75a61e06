"""What goes through a broker byte for byte: logs, input, and the files of jobs; and the logs of workers that leave, which it keeps."""
