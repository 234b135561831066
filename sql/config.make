# sourced by nginx's auto/make with $ngx_addon_dir set to this folder: the rule
# that embeds the statements and migrations

acme_ca_sql=$(echo $ngx_addon_dir/*.sql)

cat << END                                                    >> $NGX_MAKEFILE

$NGX_OBJS/acme_ca_sql.h:	$acme_ca_sql $ngx_addon_dir/embed.awk
	LC_ALL=C awk -f $ngx_addon_dir/embed.awk $acme_ca_sql \\
		> $NGX_OBJS/acme_ca_sql.h.tmp
	mv $NGX_OBJS/acme_ca_sql.h.tmp $NGX_OBJS/acme_ca_sql.h

END
