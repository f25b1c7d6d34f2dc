-- SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
--
-- The relay that the file of a stock peer leads through. Round trips vary, and a file is not to be
-- stale whenever they do.
ALTER TABLE peer ADD COLUMN exported_relay TEXT;
