# sourced by nginx's auto/make with $ngx_addon_dir set to this folder: the rule
# that embeds the document of the admin location

cat << END                                                    >> $NGX_MAKEFILE

$NGX_OBJS/acme_ca_openapi.h:	$ngx_addon_dir/openapi.json \\
		$ngx_addon_dir/embed.awk
	LC_ALL=C awk -f $ngx_addon_dir/embed.awk $ngx_addon_dir/openapi.json \\
		> $NGX_OBJS/acme_ca_openapi.h.tmp
	mv $NGX_OBJS/acme_ca_openapi.h.tmp $NGX_OBJS/acme_ca_openapi.h

END
