// SPDX-License-Identifier: AGPL-3.0-only
// The learning MFE's operators may configure it by a module of this name; nothing is configured here.
export default {};
