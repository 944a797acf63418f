"""A factory: a CA of its own made with `openssl` as the recipe of AWS's users says, and devices with certificates of that CA.

spec: provisioning §2, §6.1, §9; walkthrough C
"""

import hashlib
import json
import os
import ssl
import subprocess

from devices import fresh
from harness import clean_environment

CA_CONFIG = """\
[ req ]
distinguished_name = req_distinguished_name
extensions         = v3_ca
req_extensions     = v3_ca

[ v3_ca ]
basicConstraints = CA:TRUE

[ req_distinguished_name ]
countryName                = Country Name (2 letter code)
countryName_default        = IN
countryName_min            = 2
countryName_max            = 2
organizationName           = Organization Name (eg, company)
organizationName_default   = AMZ
"""

REGION, ACCOUNT = "us-east-1", "123456789012"
THING = "${iot:Connection.Thing.ThingName}"


def openssl(folder, *args, stdin=None):
    done = subprocess.run(
        ["openssl", *map(str, args)], cwd=folder, input=stdin, capture_output=True, text=True, timeout=60,
        env=clean_environment(PATH=os.environ["PATH"]),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def own_topics(region=REGION, account=ACCOUNT):
    """Template 1's policy: a device may use the topics below its own name."""
    arn = f"arn:aws:iot:{region}:{account}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["iot:Connect"], "Resource": [f"{arn}:client/{THING}"]},
            {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"], "Resource": [f"{arn}:topic/{THING}/*"]},
            {"Effect": "Allow", "Action": ["iot:Subscribe"], "Resource": [f"{arn}:topicfilter/{THING}/*"]},
        ],
    }


EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}


def template(policy=None, name=None, attributes=None, country=True, thing=None):
    """The template of the recipe: a thing named after the certificate's CommonName, with a policy by document or by name."""
    reference = lambda field: {"Ref": f"AWS::IoT::Certificate::{field}"}  # noqa: E731
    parameters = ["CommonName", "Id"] + (["Country"] if country else [])
    payload = {"version": "v1", **({"country": reference("Country")} if country else {})}
    by = {"PolicyName": name} if name else {"PolicyDocument": json.dumps(policy or own_topics())}
    return {
        "Parameters": {f"AWS::IoT::Certificate::{each}": {"Type": "String"} for each in parameters},
        "Resources": {
            "thing": {
                "Type": "AWS::IoT::Thing",
                "Properties": {"ThingName": reference("CommonName"), "AttributePayload": attributes or payload},
                **(thing or {}),
            },
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {"CertificateId": reference("Id"), "Status": "ACTIVE"},
            },
            "policy": {"Type": "AWS::IoT::Policy", "Properties": by},
        },
    }


def role(server, name="JITPRole"):
    """The role that must allow what templates do, as the recipe makes it."""
    iam = server.boto("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "iot.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
    try:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    except iam.exceptions.EntityAlreadyExistsException:
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"
    for policy in ("AWSIoTLogging", "AWSIoTRuleActions", "AWSIoTThingsRegistration"):
        iam.attach_role_policy(RoleName=name, PolicyArn=f"arn:aws:iam::aws:policy/service-role/{policy}")
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


class Factory:
    """A root CA, and what it signs."""

    def __init__(self, server, folder, name=None, ec=False):
        self.server, self.folder, self.ec = server, folder, ec
        folder.mkdir(parents=True, exist_ok=True)
        self.iot, self.id = server.boto("iot"), None
        (folder / "openssl.conf").write_text(CA_CONFIG)
        self.make_key("deviceRootCA.key")
        subject = f"/C=IN/O={name or fresh('factory')}"
        openssl(folder, "req", "-new", "-sha256", "-key", "deviceRootCA.key", "-nodes", "-out", "deviceRootCA.csr",
                "-config", "openssl.conf", "-subj", subject)
        openssl(folder, "x509", "-req", "-days", "3650", "-extfile", "openssl.conf", "-extensions", "v3_ca",
                "-in", "deviceRootCA.csr", "-signkey", "deviceRootCA.key", "-out", "deviceRootCA.pem")
        self.root = folder / "deviceRootCA.pem"

    def make_key(self, name):
        if self.ec:
            openssl(self.folder, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", name)
        else:
            openssl(self.folder, "genrsa", "-out", name, "2048")

    def sign(self, name, subject, days=500, extensions=None):
        """Makes NAME.key, NAME.csr and NAME.crt, the last a version 1 certificate unless there are extensions."""
        self.make_key(f"{name}.key")
        openssl(self.folder, "req", "-new", "-key", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
        more = ["-extfile", extensions] if extensions else []
        openssl(self.folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "deviceRootCA.pem", "-CAkey", "deviceRootCA.key",
                "-CAcreateserial", "-out", f"{name}.crt", "-days", days, "-sha256", *more)
        return self.folder / f"{name}.crt"

    def verification(self):
        code = self.iot.get_registration_code()["registrationCode"]
        return self.sign("verificationCert", f"/CN={code}").read_text()

    def role(self, name="JITPRole"):
        return role(self.server, name)

    def register(self, body=None, named=None, active=True, auto=True, sni=False):
        """Registers the root; with `body` a template of its own, with `named` a named one."""
        config = {}
        if body is not None:
            config = {"registrationConfig": {"templateBody": json.dumps(body), "roleArn": self.role()}}
        elif named:
            config = {"registrationConfig": {"templateName": named}}
        proof = {"certificateMode": "SNI_ONLY"} if sni else {"verificationCertificate": self.verification()}
        made = self.iot.register_ca_certificate(
            caCertificate=self.root.read_text(), setAsActive=active, allowAutoRegistration=auto, **proof, **config,
        )
        self.id = made["certificateId"]
        return self

    def device(self, name=None, subject=None, **more):
        return FactoryDevice(self, name or fresh("dev"), subject, **more)


class FactoryDevice:
    """A device with a certificate of the factory. Nobody has registered it."""

    def __init__(self, factory, name, subject=None, **more):
        self.factory, self.server, self.name = factory, factory.server, name
        file = fresh("deviceCert")
        self.cert = factory.sign(file, subject or f"/C=IN/CN={name}", **more)
        self.key = factory.folder / f"{file}.key"
        der = ssl.PEM_cert_to_DER_cert(self.cert.read_text())
        self.id = hashlib.sha256(der).hexdigest()
        self.arn = f"arn:aws:iot:{REGION}:{ACCOUNT}:cert/{self.id}"

    def with_ca(self):
        """The certificate with the CA's behind it in one file."""
        path = self.cert.with_suffix(".chain.crt")
        path.write_text(self.cert.read_text() + self.factory.root.read_text())
        return path

    def describe(self):
        return self.factory.iot.describe_certificate(certificateId=self.id)["certificateDescription"]

    def status(self):
        """The certificate's status; None if it is not registered."""
        try:
            return self.describe()["status"]
        except self.factory.iot.exceptions.ResourceNotFoundException:
            return None

    def policies(self):
        return [each["policyName"] for each in self.factory.iot.list_attached_policies(target=self.arn)["policies"]]

    def context(self, alpn=None, cert=None):
        context = ssl.create_default_context(cafile=str(self.server.ca))
        context.load_cert_chain(cert or self.cert, self.key)
        if alpn:
            context.set_alpn_protocols([alpn])
        return context

