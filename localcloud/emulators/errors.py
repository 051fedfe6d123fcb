"""What can go wrong with Google's emulators.

EmulatorError            an emulator refused what it was asked; the message has its words
└── EmulatorMissing      Java or an emulator is not on this machine; the message lists every way to get it
"""


class EmulatorError(RuntimeError):
    pass


class EmulatorMissing(EmulatorError):
    pass
