-- What was measured of each network's rotations: how many there were, and how many lost their token (RF-01).
CREATE TABLE rotations (
    network TEXT PRIMARY KEY,
    done BIGINT NOT NULL,
    lost BIGINT NOT NULL
);
