<?php
// Behind php's own web server, with the extension redis as the handler of sessions: see clients/web.py.
session_start();
switch (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)) {
case '/login':
    session_regenerate_id(true);
    $_SESSION = ['user' => $_GET['user'], 'visits' => 0, 'cart' => ['coat' => 2.5]];
    break;
case '/me':
    if (isset($_SESSION['user'])) $_SESSION['visits']++;
    break;
case '/logout':
    session_destroy();
    $_SESSION = [];
    break;
}
header('Content-Type: application/json');
echo json_encode(['id' => session_id(), 'session' => (object)$_SESSION]);
