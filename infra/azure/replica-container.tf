resource "azurerm_storage_account" "replica" {
  name                = var.account_name
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  account_kind             = "StorageV2"
  account_tier             = "Standard"
  account_replication_type = var.replication_type

  https_traffic_only_enabled        = true
  min_tls_version                   = "TLS1_2"
  shared_access_key_enabled         = false
  default_to_oauth_authentication   = true
  allow_nested_items_to_be_public   = false
  cross_tenant_replication_enabled  = false
  local_user_enabled                = false
  infrastructure_encryption_enabled = true

  blob_properties {
    versioning_enabled = true

    # Azure counts the age of a version from when it was written, not from when it was replaced:
    # a pack that is overwritten after a year would be gone the next day. What the policy below
    # deletes is therefore kept for as long again.
    delete_retention_policy {
      days = var.noncurrent_days
    }

    container_delete_retention_policy {
      days = var.noncurrent_days
    }
  }

  dynamic "identity" {
    for_each = var.customer_managed_key == null ? [] : [var.customer_managed_key]

    content {
      type         = "UserAssigned"
      identity_ids = [identity.value.user_assigned_identity_id]
    }
  }

  lifecycle {
    prevent_destroy = true
    # Set by the resource below.
    ignore_changes = [customer_managed_key]
  }
}

resource "azurerm_storage_account_customer_managed_key" "replica" {
  count = var.customer_managed_key == null ? 0 : 1

  storage_account_id        = azurerm_storage_account.replica.id
  key_vault_id              = var.customer_managed_key.key_vault_id
  key_name                  = var.customer_managed_key.key_name
  user_assigned_identity_id = var.customer_managed_key.user_assigned_identity_id
}

resource "azurerm_storage_container" "replica" {
  name                  = var.container_name
  storage_account_id    = azurerm_storage_account.replica.id
  container_access_type = "private"

  lifecycle {
    prevent_destroy = true
  }
}

# Previous versions only. Current blobs are left alone for good: a repository's packs stay in use
# for years, and a rule that deletes or archives them by age makes it unreadable.
resource "azurerm_storage_management_policy" "replica" {
  storage_account_id = azurerm_storage_account.replica.id

  rule {
    name    = "expire-noncurrent-versions"
    enabled = true

    filters {
      blob_types = ["blockBlob"]
    }

    actions {
      version {
        delete_after_days_since_creation = var.noncurrent_days
      }
    }
  }
}

# Whoever may change the account by Azure Resource Manager still cannot delete it in passing.
resource "azurerm_management_lock" "replica" {
  name       = "keep-replica"
  scope      = azurerm_storage_account.replica.id
  lock_level = "CanNotDelete"
  notes      = "Holds the replica of the backups"
}

resource "azurerm_role_assignment" "replicator" {
  count = var.replicator_principal_id == null ? 0 : 1

  scope                = azurerm_storage_container.replica.id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = var.replicator_principal_id
  principal_type       = "ServicePrincipal"
}
