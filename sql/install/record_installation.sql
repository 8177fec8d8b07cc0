insert into walhook.installation (slot, publication)
values (:'slot', :'publication')
on conflict on constraint installation_pkey do update
set    publication = excluded.publication;
