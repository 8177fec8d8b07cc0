-- create_database
create database shop
