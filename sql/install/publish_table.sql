alter publication :"publication" add table only :table;
