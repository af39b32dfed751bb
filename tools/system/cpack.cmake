# The Debian package: `cpack -G DEB` in a build of CMAKE_BUILD_TYPE=RelWithDebInfo, or all of it by tools/package.
set(debian ${CMAKE_CURRENT_SOURCE_DIR}/debian)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME leadrelay)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_VENDOR leadrelay)
set(CPACK_PACKAGE_CONTACT "leadrelay maintainers <maintainers@leadrelay.example>")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
# What Debian wants otherwise than `cmake --install` leaves it, and then nothing that tells one build from another.
configure_file(debian/changelog.in ${CMAKE_CURRENT_BINARY_DIR}/changelog @ONLY)
set(LEADRELAY_DEB_CHANGELOG ${CMAKE_CURRENT_BINARY_DIR}/changelog)
set(LEADRELAY_DEB_OVERRIDES ${debian}/lintian-overrides)
configure_file(debian/stage.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/stage.cmake @ONLY)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_BINARY_DIR}/stage.cmake)
set(CPACK_POST_BUILD_SCRIPTS ${debian}/same_bytes.cmake)
set(CPACK_DEBIAN_COMPRESSION_TYPE none) # that script compresses

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, ca-certificates, tzdata")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${debian}/postinst ${debian}/prerm ${debian}/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "relay that brings marketplace leads to Dynamics 365, losing none
Microsoft's commercial marketplace hands over each sales lead once: one HTTPS
request that is not repeated. leadrelay writes the lead to disk before it
answers, and delivers it to Dynamics 365, an Azure table, an HTTPS endpoint or
a file for as long as that takes; each lead becomes exactly one record.
.
It mails new leads to those concerned, says why a delivery does not succeed and
what to do, and accounts for every lead. The package brings the daemon
leadrelayd, the command leadctl, and a rehearsal CRM to try them with.")
include(CPack)
