terraform {
  required_version = ">= 1.6"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
    cloudflare = {
      source  = "cloudflare/cloudflare"
      version = "~> 5.14"
    }
  }

  # terraform init -backend-config=environments/staging.gcs.tfbackend
  backend "gcs" {
    prefix = "storyvoice"
  }
}

provider "google" {
  project               = var.project
  region                = local.region
  user_project_override = true
  billing_project       = var.project
}

# The token comes from CLOUDFLARE_API_TOKEN: "Workers R2 Storage: Edit" of the account, and "DNS: Edit" of the zone
# where there is a public domain.
provider "cloudflare" {}
