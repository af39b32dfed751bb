"""A service manager's ear: writes what comes to the socket NAME to standard output, a line per datagram."""
import socket, sys

ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ear.bind(sys.argv[1])
print("listening", flush=True)
while True:
    print(ear.recv(4096).decode().replace("\n", " "), flush=True)
