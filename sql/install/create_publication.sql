create publication :"publication" with (publish_via_partition_root = true);
