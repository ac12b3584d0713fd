@rem The npm scripts begin with `exec`, so that a POSIX shell hands its process over and Node gets the signals. This is Windows's.
@%*
