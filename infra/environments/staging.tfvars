environment        = "staging"
project            = "storyvoice-staging"
billing_account    = "000000-000000-000000"
monthly_budget     = 50
alert_emails       = ["operators@example.com"]
cloudflare_account = "00000000000000000000000000000000"
bucket_name        = "storyvoice-staging"
gpu_backend        = "runpod"
