# SPDX-License-Identifier: BSD-2-Clause
#
# Configuration samples, units, snippets and schemas. Each goes into a list here, which also puts it into the
# distribution when it is dist_SOMETHING_DATA. Directories there are: $(systemdsystemunitdir), $(sysusersdir),
# $(tmpfilesdir), $(sysconfdir), $(pkgdatadir). For one of them:
#
#	dist_tmpfiles_DATA = conf/smirror.tmpfiles.conf
