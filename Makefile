# Copyright (C) the nginx-acme-ca authors
#
# "make help" says what there is.

ROOT :=		$(CURDIR)
SO :=		ngx_http_acme_ca_module.so
VERSION :=	$(shell sed -n 's/^Changes with nginx-acme-ca \([0-9.]*\) .*/\1/p' \
		    CHANGES | head -n 1)

CC =		cc
CC_OPT =
LD_OPT =

NGINX_SRC =
NGINX =
STATE =
RUN_ARGS =
TESTS =
BENCH_ARGS =

DESTDIR =
MODULES_DIR =	/usr/lib/nginx/modules
LOAD_DIR =	/usr/share/nginx/modules-available
BIN_DIR =	/usr/bin
SHARE_DIR =	/usr/share/acme-ca
MAN_DIR =	/usr/share/man/man1
BASH_DIR =	/usr/share/bash-completion/completions
ZSH_DIR =	/usr/share/zsh/vendor-completions

# root's workers are another user, who may not enter root's home
ifeq ($(STATE),)
ifeq ($(shell id -u),0)
STATE =		/var/lib/acme-ca-run
else
STATE =		$(or $(XDG_STATE_HOME),$(HOME)/.local/state)/acme-ca-run
endif
endif


.PHONY:	all run test unit fuzz clients bench install deb vanilla \
	warnings-matrix clean help

all:
	@contrib/build-module --cc "$(CC)" --cc-opt "$(CC_OPT)" \
		--ld-opt "$(LD_OPT)"

# what "run" and "test" need is installed first: only what is missing

run:
	@contrib/install-deps build run
	@$(MAKE) -s --no-print-directory all
	@contrib/acme-ca-run --state "$(STATE)" \
		--module "$(ROOT)/build/debian/$(SO)" $(RUN_ARGS)

test:
	@contrib/install-deps build run test
	@$(MAKE) -s --no-print-directory all
	@contrib/run-tests $(TESTS)

unit:
	@contrib/install-deps build test
	@contrib/run-tests t/00_unit.t

fuzz:
	@contrib/install-deps build test
	@contrib/run-tests t/00_fuzz.t

clients:
	@contrib/install-clients

bench:
	@contrib/install-deps build run bench
	@$(MAKE) -s --no-print-directory all
	@bench/compare $(BENCH_ARGS)

install: all
	install -d "$(DESTDIR)$(MODULES_DIR)" "$(DESTDIR)$(LOAD_DIR)" \
		"$(DESTDIR)$(BIN_DIR)" "$(DESTDIR)$(SHARE_DIR)" \
		"$(DESTDIR)$(MAN_DIR)" "$(DESTDIR)$(BASH_DIR)" \
		"$(DESTDIR)$(ZSH_DIR)"
	install -m 644 build/debian/$(SO) "$(DESTDIR)$(MODULES_DIR)/"
	echo "load_module $(MODULES_DIR)/$(SO);" \
		> "$(DESTDIR)$(LOAD_DIR)/mod-http-acme-ca.conf"
	chmod 644 "$(DESTDIR)$(LOAD_DIR)/mod-http-acme-ca.conf"
	install -m 755 contrib/acme-ca contrib/acme-ca-run \
		"$(DESTDIR)$(BIN_DIR)/"
	install -m 644 contrib/lib/acme-ca/*.sh "$(DESTDIR)$(SHARE_DIR)/"
	install -m 644 contrib/acme-ca.1 "$(DESTDIR)$(MAN_DIR)/"
	install -m 644 contrib/debian/acme-ca-run.1 "$(DESTDIR)$(MAN_DIR)/"
	install -m 644 contrib/completion/bash/acme-ca "$(DESTDIR)$(BASH_DIR)/"
	install -m 644 contrib/completion/zsh/_acme-ca "$(DESTDIR)$(ZSH_DIR)/"
	@echo
	@echo "To load it: ln -s $(LOAD_DIR)/mod-http-acme-ca.conf" \
		"/etc/nginx/modules-enabled/50-mod-http-acme-ca.conf"

deb:
	@contrib/install-deps deb
	@contrib/build-deb "$(VERSION)"

vanilla:
	@test -n "$(NGINX_SRC)" || \
		{ echo "usage: make vanilla NGINX_SRC=DIR [NGINX=yes]" >&2; \
		  exit 2; }
	@contrib/build-module --out build/vanilla \
		--nginx-src "$(NGINX_SRC)" $(if $(NGINX),--nginx) \
		--cc "$(CC)" --cc-opt "$(CC_OPT)" --ld-opt "$(LD_OPT)"
	@test -z "$(NGINX)" || echo "$(ROOT)/build/vanilla/nginx"

warnings-matrix:
	@contrib/warnings-matrix $(NGINX_SRC)

clean:
	rm -rf build

help:
	@echo "make                  the module for Debian's nginx, in build/debian"
	@echo "make run              a certificate authority in the foreground, its"
	@echo "                      state in $(STATE)"
	@echo "                      STATE=DIR RUN_ARGS='--listen ADDR:PORT ...'"
	@echo "make test             the whole test suite; TESTS='t/a.t t/b.t'"
	@echo "make unit             unit tests only"
	@echo "make fuzz             fuzz targets only"
	@echo "make clients          newer ACME clients for the tests, in"
	@echo "                      build/clients, from PyPI, npm and Go"
	@echo "make bench            beside Pebble, Caddy and step-ca, long;"
	@echo "                      BENCH_ARGS=... as of bench/compare"
	@echo "make install          into nginx's folders; DESTDIR=DIR"
	@echo "make deb              a Debian package, in build"
	@echo "make vanilla          for an nginx source tree, in build/vanilla:"
	@echo "                      NGINX_SRC=DIR, NGINX=yes for an nginx as well"
	@echo "make warnings-matrix  gcc and clang, with and without debug;"
	@echo "                      NGINX_SRC=DIR as well"
	@echo "make clean            removes build"
	@echo
	@echo "\"make run\" and \"make test\" install missing Debian packages (as root)."
