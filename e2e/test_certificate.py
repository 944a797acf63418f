"""Device certificates as `aws`, boto3 and openssl see them.

spec: control-plane §7, §8.2, §13
"""

import datetime
import hashlib
import ssl
import subprocess

import pytest
from test_api import ACCOUNT, fault

PREFIX = f"arn:aws:iot:us-east-1:{ACCOUNT}:"


@pytest.fixture
def iot(server):
    return server.boto("iot")


def openssl(*args, input=None):
    done = subprocess.run(["openssl", *map(str, args)], input=input, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def request_pem(tmp_path):
    """A certificate request for a P-256 key of our own, which stays in `device.key`."""
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", tmp_path / "device.key")
    return openssl("req", "-new", "-key", tmp_path / "device.key", "-subj", "/O=Acme/CN=dev1", "-addext", "subjectAltName=DNS:ignored.example")


def self_signed(tmp_path, name="own", digest="-sha256"):
    key, pem = tmp_path / f"{name}.key", tmp_path / f"{name}.pem"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", digest, "-keyout", key, "-out", pem, "-subj", f"/CN={name}")
    return pem.read_text()


def test_keys_and_certificate_as_the_guide_makes_them(server, tmp_path):
    files = {name: tmp_path / name for name in ("device.pem", "public.key", "private.key")}
    got = server.aws(
        "iot", "create-keys-and-certificate", "--set-as-active", "--certificate-pem-outfile", files["device.pem"],
        "--public-key-outfile", files["public.key"], "--private-key-outfile", files["private.key"],
    )
    der = ssl.PEM_cert_to_DER_cert(files["device.pem"].read_text())
    assert got["certificateId"] == hashlib.sha256(der).hexdigest()
    assert got["certificateArn"] == f"{PREFIX}cert/{got['certificateId']}"
    assert set(got["keyPair"]) == {"PublicKey", "PrivateKey"}
    assert files["private.key"].read_text().startswith("-----BEGIN RSA PRIVATE KEY-----")
    of_certificate = openssl("x509", "-in", files["device.pem"], "-noout", "-pubkey")
    assert of_certificate == files["public.key"].read_text() == openssl("rsa", "-in", files["private.key"], "-pubout")
    assert "OK" in openssl("verify", "-CAfile", server.data / "pki/device-ca.pem", files["device.pem"])
    text = openssl("x509", "-in", files["device.pem"], "-noout", "-text")
    for line in ("Version: 3", "CN = AWS IoT Certificate", "2049", "CA:FALSE", "Digital Signature"):
        assert line in text, text
    secret = files["private.key"].read_text().splitlines()[3]
    assert secret.encode() not in server.database_text() and secret not in server.logs()


def test_a_request_is_answered_twice_with_two_certificates(server, iot, request_pem):
    first, second = (iot.create_certificate_from_csr(certificateSigningRequest=request_pem) for _ in range(2))
    assert first["certificateId"] != second["certificateId"]
    text = openssl("x509", "-noout", "-subject", "-text", input=first["certificatePem"])
    assert "O = Acme, CN = dev1" in text and "ignored.example" not in text
    listed = [c["certificateId"] for c in iot.list_certificates(pageSize=250)["certificates"]]
    assert listed.index(second["certificateId"]) < listed.index(first["certificateId"])
    code, message, status = fault(iot.create_certificate_from_csr, certificateSigningRequest="doc")
    assert (code, status) == ("InvalidRequestException", 400) and "CSR violates constraints" in message


def test_the_life_of_a_certificate(iot, request_pem):
    made = iot.create_certificate_from_csr(certificateSigningRequest=request_pem)
    id = made["certificateId"]

    def shown():
        return iot.describe_certificate(certificateId=id)["certificateDescription"]

    assert shown()["status"] == "INACTIVE" and shown()["ownedBy"] == ACCOUNT
    assert shown()["certificatePem"] == made["certificatePem"]
    assert shown()["validity"]["notAfter"].astimezone(datetime.timezone.utc).year == 2049
    assert "caCertificateId" not in shown() and "transferData" not in shown()
    iot.update_certificate(certificateId=id, newStatus="ACTIVE")
    assert shown()["customerVersion"] == 2
    assert fault(iot.delete_certificate, certificateId=id, forceDelete=True) == (
        "CertificateStateException",
        f"Certificate must be deactivated (not ACTIVE) before deletion. Id: {id}",
        406,
    )
    iot.update_certificate(certificateId=id, newStatus="REVOKED")
    assert fault(iot.update_certificate, certificateId=id, newStatus="ACTIVE")[::2] == ("CertificateStateException", 406)
    iot.delete_certificate(certificateId=id)
    gone = ("ResourceNotFoundException", f"CertificateId {id} does not exist", 404)
    assert fault(iot.describe_certificate, certificateId=id) == gone


def test_registering_somebody_elses_certificate(server, iot, tmp_path):
    pem = self_signed(tmp_path)
    got = server.aws("iot", "register-certificate-without-ca", "--certificate-pem", f"file://{tmp_path}/own.pem", "--status", "ACTIVE")
    shown = iot.describe_certificate(certificateId=got["certificateId"])["certificateDescription"]
    assert (shown["certificateMode"], shown["status"]) == ("SNI_ONLY", "ACTIVE")
    with pytest.raises(iot.exceptions.ResourceAlreadyExistsException) as again:
        iot.register_certificate_without_ca(certificatePem=pem)
    assert again.value.response["resourceId"] == got["certificateId"]
    assert again.value.response["resourceArn"] == got["certificateArn"]
    old = self_signed(tmp_path, "old", "-sha1")
    assert fault(iot.register_certificate_without_ca, certificatePem=old)[::2] == ("CertificateValidationException", 400)
    assert iot.list_certificates_by_ca(caCertificateId="a" * 64)["certificates"] == []


def test_a_certificate_is_there_after_a_crash(new_server):
    server = new_server()
    made = server.boto("iot").create_keys_and_certificate(setAsActive=True)
    server.kill()
    server.restart()
    iot = server.boto("iot")
    assert iot.describe_certificate(certificateId=made["certificateId"])["certificateDescription"]["status"] == "ACTIVE"
    next_one = iot.create_keys_and_certificate()
    issuer = [openssl("x509", "-noout", "-issuer", input=each["certificatePem"]) for each in (made, next_one)]
    assert issuer[0] == issuer[1] and "adit device CA" in issuer[0]


def test_certificates_are_paged_by_the_sdk(new_server, request_pem):
    iot = new_server().boto("iot")
    made = [iot.create_certificate_from_csr(certificateSigningRequest=request_pem)["certificateId"] for _ in range(7)]
    for ascending in (True, False):
        pages = iot.get_paginator("list_certificates").paginate(ascendingOrder=ascending, PaginationConfig={"PageSize": 3})
        seen = [c["certificateId"] for page in pages for c in page["certificates"]]
        assert seen == (made if ascending else made[::-1])
