//! Pages, REST API, mail: the server around the keeper.
