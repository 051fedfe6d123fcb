"""The source file that server.py names to functions-framework: everything that the real main.py, loaded once, has.

functions-framework executes its source anew for every function that it makes an app of. Executing this is cheap, and
the module state of main.py stays one, as it is within a production process.
"""

import main

globals().update({name: value for name, value in vars(main).items() if not name.startswith("__")})
