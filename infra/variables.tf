variable "project" {
  description = "The Google Cloud project, one for each environment. It exists, with billing and Firebase switched on."
  type        = string
}

variable "environment" {
  description = "Which of the two environments this is."
  type        = string

  validation {
    condition     = contains(["staging", "production"], var.environment)
    error_message = "The environment is staging or production."
  }
}

variable "region" {
  description = "Where the functions, the queues and Firestore are. Empty: the code's own default. The same as FUNCTIONS_REGION."
  type        = string
  default     = ""
}

variable "billing_account" {
  description = "The billing account of the budget, XXXXXX-XXXXXX-XXXXXX."
  type        = string
}

variable "monthly_budget" {
  description = "What a month may cost at Google, in the billing account's currency. At 100 % the queues are paused."
  type        = number
}

variable "alert_emails" {
  description = "Who is told when an alert opens."
  type        = set(string)
}

variable "gpu_backend" {
  description = "Where jobs run, as GPU_BACKEND: runpod or http (Cloud Run GPU)."
  type        = string
  default     = "runpod"

  validation {
    condition     = contains(["runpod", "http"], var.gpu_backend)
    error_message = "The GPU backend is runpod or http."
  }
}

variable "runpod_clone_endpoint" {
  description = "The id of the RunPod endpoint that clones voices."
  type        = string
  default     = ""
}

variable "runpod_narrate_endpoint" {
  description = "The id of the RunPod endpoint that narrates; it may be the same."
  type        = string
  default     = ""
}

variable "gpu_image" {
  description = "The image of Cloud Run's GPU service, with its digest. Empty: none is deployed."
  type        = string
  default     = ""
}

variable "gpu_region" {
  description = "Where the GPU service is: a region in which Cloud Run has L4 GPUs and this project has a quota of them."
  type        = string
  default     = "us-central1"
}

variable "gpu_max_instances" {
  description = "How many GPUs may run at once, on Cloud Run."
  type        = number
  default     = 3
}

variable "weights_bucket" {
  description = "A Cloud Storage bucket whose folder of Chatterbox weights is mounted at /weights. Empty: they are in the image."
  type        = string
  default     = ""
}

variable "cloudflare_account" {
  description = "The Cloudflare account of the R2 bucket."
  type        = string
}

variable "bucket_name" {
  description = "The R2 bucket."
  type        = string
}

variable "bucket_location" {
  description = "Where R2 keeps the bucket: wnam, enam, weur, eeur, apac or oc."
  type        = string
  default     = "enam"
}

variable "public_domain" {
  description = "The bucket's public domain. Empty: audio is heard by signed URLs only."
  type        = string
  default     = ""
}

variable "public_zone" {
  description = "The Cloudflare zone of the public domain."
  type        = string
  default     = ""
}

variable "web_origins" {
  description = "Origins of web pages that may call the API and play audio from the bucket. Empty: none."
  type        = list(string)
  default     = []
}

variable "trusted_proxies" {
  description = "Proxies in front of the api function, as TRUSTED_PROXIES: 1 for its own address, 2 behind Hosting, if nobody uses its own."
  type        = number
  default     = 1
}

variable "failed_jobs_alert" {
  description = "How many jobs may fail for good within ten minutes before somebody is told."
  type        = number
  default     = 3
}

variable "refusals_alert" {
  description = "How many requests may be refused for a quota within an hour before somebody is told."
  type        = number
  default     = 50
}
