resource "cloudflare_r2_bucket" "audio" {
  account_id    = var.cloudflare_account
  name          = var.bucket_name
  location      = var.bucket_location
  storage_class = "Standard"
}

# Apps need no CORS; a web page uploads its recording and plays segments from another origin.
resource "cloudflare_r2_bucket_cors" "audio" {
  count = length(var.web_origins) > 0 ? 1 : 0

  account_id  = var.cloudflare_account
  bucket_name = cloudflare_r2_bucket.audio.name

  rules = [{
    id = "web"
    allowed = {
      methods = ["GET", "HEAD", "PUT"]
      origins = var.web_origins
      headers = ["content-type", "content-length", "range"]
    }
    expose_headers  = ["content-length", "content-range", "etag"]
    max_age_seconds = 3600
  }]
}

# Only what nobody can ask for again is left to a clock. Everything else goes when its user, voice or story goes: an object
# that vanishes under a document would be a story that cannot be heard.
resource "cloudflare_r2_bucket_lifecycle" "audio" {
  account_id  = var.cloudflare_account
  bucket_name = cloudflare_r2_bucket.audio.name

  rules = [
    {
      id         = "uploads-that-nobody-finished"
      enabled    = true
      conditions = { prefix = "" }
      abort_multipart_uploads_transition = {
        condition = { type = "Age", max_age = 86400 }
      }
    },
    {
      # A kept piece only saves time; the next narration speaks it again.
      id         = "kept-pieces-after-half-a-year"
      enabled    = true
      conditions = { prefix = "chunks/" }
      delete_objects_transition = {
        condition = { type = "Age", max_age = 15552000 }
      }
    },
  ]
}

resource "cloudflare_r2_custom_domain" "audio" {
  count = var.public_domain != "" ? 1 : 0

  account_id  = var.cloudflare_account
  bucket_name = cloudflare_r2_bucket.audio.name
  domain      = var.public_domain
  zone_id     = var.public_zone
  enabled     = true
  min_tls     = "1.2"
}
