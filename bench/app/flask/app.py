"""The Flask hello app that the service is a port of."""

from flask import Flask

app = Flask(__name__)


@app.route("/")
def hello():
    return "Hello from Python on Kubernetes!"
