# SPDX-License-Identifier: BSD-2-Clause
#
# Configuration samples, units, snippets and schemas. Each goes into a list here, which also puts it into the
# distribution when it is dist_SOMETHING_DATA. Directories there are: $(systemdsystemunitdir), $(sysusersdir),
# $(tmpfilesdir), $(sysconfdir), $(pkgdatadir). For one of them:
#
#	dist_tmpfiles_DATA = conf/smirror.tmpfiles.conf

# Services: units are made from their .in files; the hardening directives stand in one place.
units = conf/smirror-bus.service conf/smirror-target@.service conf/smirrord.service
systemdsystemunit_DATA = $(units)
sysusers_DATA = conf/smirror.conf
CLEANFILES += $(units) conf/smirror.conf
EXTRA_DIST += \
	conf/smirror-bus.service.in \
	conf/smirror-target@.service.in \
	conf/smirrord.service.in \
	conf/hardening.inc \
	conf/smirror.sysusers.conf \
	conf/smirror.tmpfiles.conf

$(units): %: %.in conf/hardening.inc
	$(AM_V_GEN)$(MKDIR_P) conf && sed \
		-e 's|@sbindir[@]|$(sbindir)|g' \
		-e 's|@sysconfdir[@]|$(sysconfdir)|g' \
		-e '/^@hardening[@]$$/{' -e 'r $(srcdir)/conf/hardening.inc' -e 'd' -e '}' \
		$(srcdir)/conf/$(@F).in >$@.tmp && mv $@.tmp $@

# Both snippets are called smirror.conf where they are installed.
conf/smirror.conf: conf/smirror.sysusers.conf
	$(AM_V_GEN)$(MKDIR_P) conf && cp $(srcdir)/conf/smirror.sysusers.conf $@

install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(tmpfilesdir)' '$(DESTDIR)$(sysconfdir)/smirror/targets'
	$(INSTALL_DATA) $(srcdir)/conf/smirror.tmpfiles.conf '$(DESTDIR)$(tmpfilesdir)/smirror.conf'

uninstall-local:
	rm -f '$(DESTDIR)$(tmpfilesdir)/smirror.conf'
	-rmdir '$(DESTDIR)$(sysconfdir)/smirror/targets' '$(DESTDIR)$(sysconfdir)/smirror'

# The control socket's schema: embedded in the daemon (src/control/local.mk), installed for programs.
dist_pkgdata_DATA = conf/control-schema.json

# Samples to start from.
dist_doc_DATA = \
	conf/bus.conf \
	conf/smirrord.conf \
	conf/target.conf
