-- SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
--
-- What the file of a stock peer said when it was exported: it is stale when it would say something
-- else now.
ALTER TABLE peer ADD COLUMN exported_digest BLOB CHECK (length(exported_digest) = 32);
