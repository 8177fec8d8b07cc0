-- publication_state: what publication $1 is made of.
select p.pubviaroot,
       p.puballtables,
       p.pubinsert,
       p.pubupdate,
       p.pubdelete,
       p.pubtruncate
from   pg_publication as p
where  p.pubname = $1
