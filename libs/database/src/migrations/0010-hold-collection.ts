/**
 * What a restore leaves behind: collection is held until `entrepot verify --repair` has looked at what the storage
 * has and the restored database does not know.
 */
export const holdCollection = `
ALTER TABLE instance ADD COLUMN collection_held boolean NOT NULL DEFAULT false;
`;
