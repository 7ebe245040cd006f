# install: where the parts of the server go, by GNUInstallDirs; DESTDIR is honoured.
#
#     cmake -B build -DCMAKE_INSTALL_PREFIX=/usr && cmake --build build && DESTDIR=root cmake --install build
#
# With the prefix /usr the configuration goes to /etc, with any other below the prefix. systemd looks for
# units, sysusers and tmpfiles below /usr and /usr/local alike.

set(COATCHECK_BINDIR ${CMAKE_INSTALL_FULL_BINDIR})
set(COATCHECK_CONFDIR ${CMAKE_INSTALL_FULL_SYSCONFDIR}/coatcheck)
set(COATCHECK_UNITDIR lib/systemd/system CACHE STRING "Where systemd units go")
set(COATCHECK_SYSUSERSDIR lib/sysusers.d CACHE STRING "Where sysusers entries go")
set(COATCHECK_TMPFILESDIR lib/tmpfiles.d CACHE STRING "Where tmpfiles entries go")

install(TARGETS coatcheckd RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

set(made ${PROJECT_BINARY_DIR}/conf)
foreach(name coatcheck.service coatcheck.socket coatcheck.sysusers coatcheck.tmpfiles)
    configure_file(${PROJECT_SOURCE_DIR}/conf/${name} ${made}/${name} @ONLY)
endforeach()
install(FILES ${made}/coatcheck.service ${made}/coatcheck.socket DESTINATION ${COATCHECK_UNITDIR})
install(FILES ${made}/coatcheck.sysusers DESTINATION ${COATCHECK_SYSUSERSDIR} RENAME coatcheck.conf)
install(FILES ${made}/coatcheck.tmpfiles DESTINATION ${COATCHECK_TMPFILESDIR} RENAME coatcheck.conf)

# The operator's own changes survive an upgrade.
set(options ${PROJECT_SOURCE_DIR}/conf/coatcheck.conf)
if(EXISTS ${options})
    install(CODE "
        set(at \"\$ENV{DESTDIR}${COATCHECK_CONFDIR}/coatcheck.conf\")
        if(EXISTS \"\${at}\")
            message(STATUS \"Kept: \${at}\")
        else()
            file(INSTALL \"${options}\" DESTINATION \"${COATCHECK_CONFDIR}\")
        endif()")
endif()
install(FILES ${PROJECT_SOURCE_DIR}/conf/logrotate
        DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/logrotate.d RENAME coatcheck)

# The manual names the paths of this installation.
file(READ ${PROJECT_SOURCE_DIR}/docs/coatcheckd.8 manual)
string(REPLACE "/etc/coatcheck" "${COATCHECK_CONFDIR}" manual "${manual}")
file(WRITE ${made}/coatcheckd.8 "${manual}")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/coatcheckd.8)
install(FILES ${made}/coatcheckd.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${PROJECT_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}
        FILES_MATCHING PATTERN "*.md")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/conf/examples DESTINATION ${CMAKE_INSTALL_DOCDIR}
        FILES_MATCHING PATTERN "*.conf")

if(COATCHECK_TESTS)
    enable_testing()
    add_test(NAME daemon/check_unit
             COMMAND ${PROJECT_SOURCE_DIR}/tests/daemon/check_unit ${PROJECT_BINARY_DIR})
    add_test(NAME daemon/check_man
             COMMAND ${PROJECT_SOURCE_DIR}/tests/daemon/check_man ${PROJECT_BINARY_DIR})
    add_test(NAME daemon/check_service
             COMMAND ${PROJECT_SOURCE_DIR}/tests/daemon/check_service ${PROJECT_BINARY_DIR})
    set_tests_properties(daemon/check_unit daemon/check_man daemon/check_service PROPERTIES TIMEOUT 300)
    # A sanitizer keeps what was freed, and maps terabytes.
    if(NOT COATCHECK_SANITIZE)
        add_test(NAME daemon/check_secrets
                 COMMAND ${PROJECT_SOURCE_DIR}/tests/daemon/check_secrets ${PROJECT_BINARY_DIR})
        set_tests_properties(daemon/check_secrets PROPERTIES TIMEOUT 300)
    endif()
endif()
