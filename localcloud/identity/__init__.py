"""Who is who on one machine: users (auth), apps (app_check) and service accounts (oidc)."""
