alter table only :table replica identity full;
