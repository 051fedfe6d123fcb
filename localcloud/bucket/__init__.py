"""R2 on one machine: moto's S3 server keeps the objects, the gate in front of it enforces what R2 would."""
