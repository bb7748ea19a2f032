# One replica bucket, in a state of its own: what removes the functions cannot reach it.
#
#   terraform init && terraform apply -var bucket_name=acme-velero-replica
terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.70"
    }
  }
}
