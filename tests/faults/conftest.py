from tests.cloud import _running, cloud, family, phone

__all__ = ["_running", "cloud", "family", "phone"]
