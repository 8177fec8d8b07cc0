insert into walhook.migration (version) values (:version);
