output "container_id" {
  description = "Resource id of the container, as a scope for role assignments."
  value       = azurerm_storage_container.replica.id
}

output "location_url" {
  description = "The container as Drydock's configuration names it."
  value       = "azblob://${azurerm_storage_account.replica.name}/${azurerm_storage_container.replica.name}"
}
