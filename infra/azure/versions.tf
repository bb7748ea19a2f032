# One replica container, in a state of its own: what removes the functions cannot reach it.
#
#   terraform init && terraform apply \
#     -var resource_group_name=backup -var location=westeurope -var account_name=acmereplica
#
# The subscription is taken from ARM_SUBSCRIPTION_ID.
terraform {
  required_version = ">= 1.9"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.14"
    }
  }
}

provider "azurerm" {
  # The account knows no shared keys: Terraform itself signs in to its data by Entra.
  storage_use_azuread = true

  features {}
}
