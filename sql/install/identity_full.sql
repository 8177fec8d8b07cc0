alter table :table replica identity full;
