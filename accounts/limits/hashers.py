"""Django's hashers behind the gate, wherever a password is hashed: at a log-in, a sign-up or in the admin."""

from typing import Any

from django.contrib.auth import hashers

from accounts.limits import gate


class Argon2PasswordHasher(hashers.Argon2PasswordHasher):
    def encode(self, *args: Any) -> str:
        with gate.passing():
            return super().encode(*args)

    def verify(self, *args: Any) -> bool:
        with gate.passing():
            return super().verify(*args)


class PBKDF2PasswordHasher(hashers.PBKDF2PasswordHasher):
    def encode(self, *args: Any) -> str:  # `verify` encodes, too
        with gate.passing():
            return super().encode(*args)
