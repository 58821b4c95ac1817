-- Roles for the services: one owner who makes schemas, and for each service one that reads and writes its
-- own. The passwords are for trying it out.
CREATE ROLE shop_owner LOGIN PASSWORD 'owner';
GRANT CREATE ON DATABASE shop TO shop_owner;
CREATE ROLE orders_app LOGIN PASSWORD 'app';
CREATE ROLE details_app LOGIN PASSWORD 'app';
CREATE ROLE fraud_app LOGIN PASSWORD 'app';
CREATE ROLE fraud_v2_app LOGIN PASSWORD 'app';
CREATE ROLE limits_app LOGIN PASSWORD 'app';
CREATE ROLE inventory_app LOGIN PASSWORD 'app';
CREATE ROLE payments_app LOGIN PASSWORD 'app';
CREATE ROLE shipping_app LOGIN PASSWORD 'app';
CREATE ROLE customers_app LOGIN PASSWORD 'app';
CREATE ROLE notification_app LOGIN PASSWORD 'app';
CREATE ROLE alerts_app LOGIN PASSWORD 'app';
CREATE ROLE timeline_app LOGIN PASSWORD 'app';
