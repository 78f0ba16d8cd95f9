//! The lease table of a KCL application, which is only read.

use std::collections::HashMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;

use super::error::{self, CheckpointError};
use super::kcl::{ATTRIBUTES, KclItem, KclLease, KclLeaseError};
use crate::error_code::ErrorCode;
use crate::settings::TableName;

/// The lease table of a KCL application.
#[derive(Debug, Clone)]
pub struct KclTable {
    client: Client,
    name: String,
}

/// All leases of an application, at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KclLeases {
    /// In no order.
    pub leases: Vec<KclLease>,
    /// How many items are none.
    pub others: usize,
}

/// Why leases can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KclTableError {
    /// There is no such table.
    #[error(
        "the lease table {0} does not exist: it has the name of the KCL application, in the region and the account in \
         which that ran"
    )]
    Missing(String),
    /// It may not be read.
    #[error("the lease table {table}: access is denied: allow dynamodb:Scan on it ({reason})")]
    Denied {
        /// The table.
        table: String,
        /// What the service says.
        reason: String,
    },
    /// It is not read for another reason.
    #[error("the lease table {table}: {trouble}")]
    Unreadable {
        /// The table.
        table: String,
        /// Why.
        trouble: CheckpointError,
    },
    /// It holds what is no lease.
    #[error("the lease table {table}: {lease}")]
    Lease {
        /// The table.
        table: String,
        /// Which item, and what is wrong with it.
        lease: KclLeaseError,
    },
}

impl KclTableError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        ErrorCode::KclLeasesUnusable
    }
}

impl KclTable {
    /// Returns the table with an SDK configuration. `time_limit` is for each request.
    pub fn new(config: &SdkConfig, name: &TableName, time_limit: Duration) -> Self {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(time_limit).connect_timeout(time_limit);
        let config = config.clone().into_builder().timeout_config(timeouts.build()).build();
        Self { client: Client::new(&config), name: name.as_str().to_owned() }
    }

    /// As requests name it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads all leases, with all that was written before.
    ///
    /// # Errors
    /// When the table can't be read, or an item is neither a lease nor what the KCL keeps beside leases: then nobody knows
    /// what it says, and it is not passed over.
    pub async fn leases(&self) -> Result<KclLeases, KclTableError> {
        // Items also hold hash keys and statistics; and some of the names are DynamoDB's own words.
        let alias = |place: usize| format!("#a{place}");
        let names: HashMap<String, String> =
            ATTRIBUTES.iter().enumerate().map(|(place, name)| (alias(place), (*name).to_owned())).collect();
        let projection: Vec<String> = (0..ATTRIBUTES.len()).map(alias).collect();
        let request = self
            .client
            .scan()
            .table_name(&self.name)
            .consistent_read(true)
            .projection_expression(projection.join(", "))
            .set_expression_attribute_names(Some(names));
        let mut items = request.into_paginator().items().send();
        let mut leases = KclLeases::default();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| self.refused(error::of(&error)))?;
            match KclItem::of(&item) {
                Ok(KclItem::Lease(lease)) => leases.leases.push(lease),
                Ok(KclItem::Other) => leases.others += 1,
                Err(lease) => return Err(KclTableError::Lease { table: self.name.clone(), lease }),
            }
        }
        Ok(leases)
    }

    fn refused(&self, trouble: CheckpointError) -> KclTableError {
        let table = self.name.clone();
        match trouble {
            CheckpointError::Missing => KclTableError::Missing(table),
            CheckpointError::Denied(reason) => KclTableError::Denied { table, reason },
            trouble => KclTableError::Unreadable { table, trouble },
        }
    }
}
