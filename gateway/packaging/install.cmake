# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where. The Debian package holds the same tree.
include(GNUInstallDirs)
set(packaging ${PROJECT_SOURCE_DIR}/gateway/packaging)
set(manual ${PROJECT_BINARY_DIR}/manual)

install(TARGETS acmegate RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

install(FILES ${manual}/acmegate.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${manual}/acmegate.json.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES ${manual}/acmegate.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME acmegate)
install(FILES ${manual}/_acmegate DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${manual}/acmegate.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

# systemd's folders lie below lib on every distribution.
# The unit names the program, whose place is known when it is installed.
install(CODE "set(BINDIR \${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR})
    set(LIBEXECDIR \${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBEXECDIR})
    foreach(file acmegate.service acmegate-backup.service acmegate-backup)
        configure_file(${packaging}/systemd/\${file}.in ${PROJECT_BINARY_DIR}/\${file} @ONLY)
    endforeach()")
install(FILES ${PROJECT_BINARY_DIR}/acmegate.service ${packaging}/systemd/acmegate.socket
    ${PROJECT_BINARY_DIR}/acmegate-backup.service ${packaging}/systemd/acmegate-backup.timer
    DESTINATION lib/systemd/system)
install(PROGRAMS ${PROJECT_BINARY_DIR}/acmegate-backup DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/acmegate RENAME backup)
install(FILES ${packaging}/systemd/acmegate.sysusers DESTINATION lib/sysusers.d RENAME acmegate.conf)
install(FILES ${packaging}/systemd/acmegate.tmpfiles DESTINATION lib/tmpfiles.d RENAME acmegate.conf)
# Where the program looks for its configuration, whatever the prefix.
install(FILES ${packaging}/acmegate.json.sample DESTINATION /etc/acmegate)

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
