alter publication :"publication" set (publish_via_partition_root = true);
